"""PostgreSQL, MySQL and MariaDB as the ODB of a cluster; core itself knows SQLite only."""
