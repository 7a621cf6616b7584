export { type TabRole, type TabsOptions, type TabsShare, tabs } from './tabs.ts'
