-- The shop's database. The MySQL container executes this file at its first start, and the native launcher does the same.

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
  -- Incremental snapshots of the connector page by (order_id, id), so they use this index too.
  KEY (order_id),
  FOREIGN KEY (order_id) REFERENCES orders (id) ON DELETE CASCADE
);

-- The connector updates this row every few seconds. If the change reaches the worker, the whole pipeline works.
CREATE TABLE heartbeat (
  id INT PRIMARY KEY,
  ts TIMESTAMP(3) NOT NULL
);

INSERT INTO heartbeat (id, ts) VALUES (1, CURRENT_TIMESTAMP(3));

-- Debezium's signal table: commands for incremental snapshots, and the watermarks of these snapshots.
CREATE TABLE debezium_signal (
  id VARCHAR(42) PRIMARY KEY,
  type VARCHAR(32) NOT NULL,
  data VARCHAR(2048) NULL
);
