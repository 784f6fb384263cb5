"""What everything stands on: errors, back-off, deadlines, files that are replaced as a whole."""
