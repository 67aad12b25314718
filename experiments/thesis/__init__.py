"""Lo, *Querying Deep Neural Networks with Gradients*, thesis, 2016."""
