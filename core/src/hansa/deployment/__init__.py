"""Services from their source to the classes that workers run."""
