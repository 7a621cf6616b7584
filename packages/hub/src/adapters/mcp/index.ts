export {
  createMcpEventBus,
  type McpEventBus,
  type McpEventBusOptions,
  type McpServerEvent,
} from './event-bus.ts'
export {
  createMcpEventStore,
  type McpEventStore,
  type McpEventStoreOptions,
} from './event-store.ts'
