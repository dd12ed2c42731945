/** The partition of an order, as the producer of Kafka chooses it. It shares no code with the worker. */
import kafkajs from 'kafkajs';

/** The number of partitions in connectors/orders.json. */
export const PARTITIONS = 6;

const partitionMetadata = Array.from({length: PARTITIONS}, (_, partitionId) => ({
  partitionId,
  partitionErrorCode: 0,
  leader: 1,
  replicas: [1],
  isr: [1],
}));
const partitioner = kafkajs.Partitioners.DefaultPartitioner();

export function partitionOf(orderId: number): number {
  return partitioner({topic: 'any', partitionMetadata, message: {key: String(orderId), value: null}});
}
