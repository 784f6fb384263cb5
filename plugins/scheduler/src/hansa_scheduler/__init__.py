"""Jobs for Hansa: a channel whose source is the clock."""
