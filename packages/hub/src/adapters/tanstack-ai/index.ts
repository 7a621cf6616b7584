export {
  type HubDurability,
  type HubDurabilityInit,
  type HubDurabilityOptions,
  hubDurability,
} from './hub-durability.ts'
