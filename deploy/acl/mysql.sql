-- Prepares a MySQL server for the connector and for the commands: two small tables, two users, and their minimal rights. `orders` and
-- `order_items` must exist, because MySQL refuses a GRANT on a table that does not.
--
-- Replace CHANGE-ME by other passwords, and `shop.orders`, `shop.order_items` and `shop.` by your names. Then run this file as an
-- administrator. It changes no table, user or password that exists. The worker needs no MySQL user, but `projector sync`, `verify`,
-- `audit`, `doctor` and `dlq replay` do.

-- The connector writes to these two tables: a heartbeat every few seconds, and the watermarks of incremental snapshots.
CREATE TABLE IF NOT EXISTS shop.heartbeat (
  id INT PRIMARY KEY,
  ts TIMESTAMP(3) NOT NULL
);
CREATE TABLE IF NOT EXISTS shop.debezium_signal (
  id VARCHAR(42) PRIMARY KEY,
  type VARCHAR(32) NOT NULL,
  data VARCHAR(2048) NULL
);

-- The connector reads the orders and the binlog. The rights on *.* cannot be granted for a single database.
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
