-- Users of the development servers, which listen on 127.0.0.1 only. The passwords are those of .env.

-- The application: everything on its own database; REPLICATION CLIENT lets it ask for the binlog's position.
CREATE USER IF NOT EXISTS 'shop'@'%' IDENTIFIED BY 'shop';
GRANT ALL PRIVILEGES ON shop.* TO 'shop'@'%';
GRANT REPLICATION CLIENT ON *.* TO 'shop'@'%';

-- The connector: reads the tables and the binlog, and writes to its two own tables only.
CREATE USER IF NOT EXISTS 'debezium'@'%' IDENTIFIED BY 'debezium';
GRANT SELECT, RELOAD, SHOW DATABASES, REPLICATION SLAVE, REPLICATION CLIENT ON *.* TO 'debezium'@'%';
GRANT INSERT, DELETE ON shop.debezium_signal TO 'debezium'@'%';
GRANT INSERT, UPDATE ON shop.heartbeat TO 'debezium'@'%';
