-- Rights in MySQL, and no more than that. Run by an administrator, with passwords of your own in place of CHANGE-ME; users that are there
-- already keep theirs. A worker needs no user: `projector sync`, `verify` and `dlq replay` do.

-- The connector reads the two tables and the binlog (rights on *.* are global by nature), and writes to its two own tables only.
CREATE USER IF NOT EXISTS 'debezium'@'%' IDENTIFIED BY 'CHANGE-ME';
GRANT RELOAD, SHOW DATABASES, REPLICATION SLAVE, REPLICATION CLIENT ON *.* TO 'debezium'@'%';
GRANT SELECT ON shop.orders TO 'debezium'@'%';
GRANT SELECT ON shop.order_items TO 'debezium'@'%';
GRANT SELECT, INSERT, DELETE ON shop.debezium_signal TO 'debezium'@'%';
GRANT SELECT, INSERT, UPDATE ON shop.heartbeat TO 'debezium'@'%';

-- MYSQL_URL of the commands: they only read.
CREATE USER IF NOT EXISTS 'projector'@'%' IDENTIFIED BY 'CHANGE-ME';
GRANT SELECT ON shop.orders TO 'projector'@'%';
GRANT SELECT ON shop.order_items TO 'projector'@'%';
