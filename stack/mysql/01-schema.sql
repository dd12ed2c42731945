-- The shop's database. Read by the container of MySQL at its first start and by the native launcher.

CREATE DATABASE IF NOT EXISTS shop CHARACTER SET utf8mb4;

USE shop;

CREATE TABLE orders (
  id BIGINT AUTO_INCREMENT PRIMARY KEY,
  user_id BIGINT NOT NULL,
  total_amount DECIMAL(12, 2) NOT NULL,
  status VARCHAR(20) NOT NULL DEFAULT 'new',
  created_at TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3)
);

CREATE TABLE order_items (
  id BIGINT AUTO_INCREMENT PRIMARY KEY,
  order_id BIGINT NOT NULL,
  product_id BIGINT NOT NULL,
  quantity INT NOT NULL,
  unit_price DECIMAL(12, 2) NOT NULL,
  -- The connector's incremental snapshots page by (order_id, id), so this index is theirs too.
  KEY (order_id),
  FOREIGN KEY (order_id) REFERENCES orders (id) ON DELETE CASCADE
);

-- The connector writes one row here every few seconds; the change travels the whole way and proves that it is open.
CREATE TABLE heartbeat (
  id INT PRIMARY KEY,
  ts TIMESTAMP(3) NOT NULL
);

INSERT INTO heartbeat (id, ts) VALUES (1, CURRENT_TIMESTAMP(3));

-- Commands to the connector (incremental snapshots), and its watermarks.
CREATE TABLE debezium_signal (
  id VARCHAR(42) PRIMARY KEY,
  type VARCHAR(32) NOT NULL,
  data VARCHAR(2048) NULL
);
