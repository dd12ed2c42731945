-- Users of the development servers, which listen only on 127.0.0.1. The passwords equal those in .env.

-- The application has all rights on its own database. It reads the binlog position, which requires REPLICATION CLIENT.
CREATE USER IF NOT EXISTS 'shop'@'%' IDENTIFIED BY 'shop';
GRANT ALL PRIVILEGES ON shop.* TO 'shop'@'%';
GRANT REPLICATION CLIENT ON *.* TO 'shop'@'%';

-- deploy/acl/mysql.sql, which is executed next, grants the rights of these users.
CREATE USER IF NOT EXISTS 'debezium'@'%' IDENTIFIED BY 'debezium';
CREATE USER IF NOT EXISTS 'projector'@'%' IDENTIFIED BY 'projector';
