"""The admin API of Hansa: services for every registered type; export, plan and apply."""
