/** The page compares itself with nnpg, by the digests of every array; where they differ, it shows no numbers. @module */

import { selfCheck } from "../document.js";
import { byId, fill, set } from "./elements.js";

/**
 * Say that the page cannot be trusted, and show no numbers.
 * @param {string} words
 */
export function refuse(words) {
  byId("content").hidden = byId("images").hidden = byId("tour").hidden = true;
  set(byId("banner"), { hidden: false, class: null });
  fill(byId("banner"), words);
  document.body.dataset.state = "refused";
}

/**
 * Compare the engine with what nnpg wrote, image by image; the first one before anything is shown.
 * @param {import("../document.js").Document} written
 */
export function compare(written) {
  const count = written.images.shape[0];
  let [done, difference, arrays] = [0, 0, 0];
  const next = () => {
    const found = selfCheck(written, [done]);
    done++;
    arrays += found.arrays;
    difference = Math.max(difference, found.difference);
    if (found.agrees) return true;
    refuse(`This browser does not compute what nnpg ${written.nnpg} computed: ${found.where} differs. No numbers are shown. The file may be damaged; write it again with nnpg explore.`);
    return false;
  };
  const rest = () => {
    const until = performance.now() + 20;
    while (done < count && performance.now() < until) if (!next()) return;
    const words = done < count ? `comparing this page with nnpg ${written.nnpg}: image ${done} of ${count}` : `This page agrees with nnpg ${written.nnpg} to ${difference.toExponential(0).replace("-", "−")}: ${arrays} arrays of ${count} images compared. Nothing is loaded from anywhere, nothing is sent.`;
    fill(byId("agreement"), words);
    if (done < count) setTimeout(rest, 5);
    else document.body.dataset.compared = "all";
  };
  if (!next()) return false;
  setTimeout(rest, 100);
  return true;
}
