"""HTTP channels of Hansa served by granian."""
