"""Few images of a wide network: its passes, a step of training, and programs that are put together phase by phase."""
