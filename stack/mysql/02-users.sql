-- Users of the development servers, which listen on 127.0.0.1 only. The passwords are those of .env.

-- The application: everything on its own database; REPLICATION CLIENT lets it ask for the binlog's position.
CREATE USER IF NOT EXISTS 'shop'@'%' IDENTIFIED BY 'shop';
GRANT ALL PRIVILEGES ON shop.* TO 'shop'@'%';
GRANT REPLICATION CLIENT ON *.* TO 'shop'@'%';

-- Their rights follow, from deploy/acl/mysql.sql.
CREATE USER IF NOT EXISTS 'debezium'@'%' IDENTIFIED BY 'debezium';
CREATE USER IF NOT EXISTS 'projector'@'%' IDENTIFIED BY 'projector';
