"""Lo and Ding, *Understanding Deep Networks with Gradients*, 2015."""
