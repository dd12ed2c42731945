-- Grants the minimal rights in MySQL. An administrator replaces CHANGE-ME by other passwords and runs this file. Existing
-- users keep their passwords. The worker needs no MySQL user, but `projector sync`, `verify` and `dlq replay` do.

-- The connector reads the two tables and the binlog, and writes only to its own two tables. The rights on *.* cannot be
-- granted for a single database.
CREATE USER IF NOT EXISTS 'debezium'@'%' IDENTIFIED BY 'CHANGE-ME';
GRANT RELOAD, SHOW DATABASES, REPLICATION SLAVE, REPLICATION CLIENT ON *.* TO 'debezium'@'%';
GRANT SELECT ON shop.orders TO 'debezium'@'%';
GRANT SELECT ON shop.order_items TO 'debezium'@'%';
GRANT SELECT, INSERT, DELETE ON shop.debezium_signal TO 'debezium'@'%';
GRANT SELECT, INSERT, UPDATE ON shop.heartbeat TO 'debezium'@'%';

-- The user in MYSQL_URL of the commands, which only read.
CREATE USER IF NOT EXISTS 'projector'@'%' IDENTIFIED BY 'CHANGE-ME';
GRANT SELECT ON shop.orders TO 'projector'@'%';
GRANT SELECT ON shop.order_items TO 'projector'@'%';
