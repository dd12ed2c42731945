#!/bin/sh
# Rights in Kafka, and no more than that. Run by an administrator where the programs of Kafka are:
#
#   BOOTSTRAP=kafka:9093 COMMAND_CONFIG=admin.properties sh deploy/acl/kafka.sh
#
# Users as Kafka names them: of SASL `User:projector`, of a client certificate `User:CN=projector`.
set -eu

BOOTSTRAP=${BOOTSTRAP:-127.0.0.1:9092}
COMMAND_CONFIG=${COMMAND_CONFIG:-}
KAFKA_ACLS=${KAFKA_ACLS:-kafka-acls.sh}
TOPIC=${KAFKA_TOPIC:-shop.order-events}
GROUP=${KAFKA_GROUP_ID:-order-projector}
WORKER=${WORKER:-User:projector}
OPERATOR=${OPERATOR:-User:operator}
REPORTS=${REPORTS:-User:reports}

allow() {
  if [ -n "$COMMAND_CONFIG" ]; then
    "$KAFKA_ACLS" --bootstrap-server "$BOOTSTRAP" --command-config "$COMMAND_CONFIG" --add "$@"
  else
    "$KAFKA_ACLS" --bootstrap-server "$BOOTSTRAP" --add "$@"
  fi
}

# A worker (`projector run`): reads the topic, and its settings for a warning; joins its group.
allow --allow-principal "$WORKER" --operation Read --operation DescribeConfigs --topic "$TOPIC"
allow --allow-principal "$WORKER" --operation Read --group "$GROUP"

# Commands that replay (`rebuild`, `sync`, `verify --against topic`, `dlq replay`), in groups of their own; `connector apply` also
# creates the topic. `lag` and `offsets` look at the worker's group.
allow --allow-principal "$OPERATOR" --operation Read --operation Create --operation DescribeConfigs --topic "$TOPIC"
allow --allow-principal "$OPERATOR" --operation Read --group "$GROUP-" --resource-pattern-type prefixed
allow --allow-principal "$OPERATOR" --operation Describe --group "$GROUP"

# `lag` and `offsets show` alone.
allow --allow-principal "$REPORTS" --operation Describe --topic "$TOPIC"
allow --allow-principal "$REPORTS" --operation Describe --group "$GROUP"
