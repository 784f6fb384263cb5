"""What services see as the package `zato`."""
