import { index, type RouteConfig, route } from '@react-router/dev/routes'

export default [
  index('routes/home.tsx'),
  route('api/events', 'routes/events.ts'),
  route('api/notes', 'routes/notes.ts'),
] satisfies RouteConfig
