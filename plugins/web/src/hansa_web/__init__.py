"""The web admin: a process of its own that is nothing but a client of the admin API.

`application.build` makes its WSGI application; `pages` has a module for each subject, whose table
`PAGES` declares the addresses, the navigation and the admin services of each page.
"""
