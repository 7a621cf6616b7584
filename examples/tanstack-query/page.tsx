import { QueryClient, QueryClientProvider } from '@tanstack/react-query'
import { StrictMode } from 'react'
import { createRoot } from 'react-dom/client'
import { events, type Task } from './events.ts'
import { type Live, useLiveQuery } from './use-live-query.ts'

function Tasks() {
  const { data: live, error } = useLiveQuery({
    queryKey: ['tasks'],
    queryFn: async ({ signal }): Promise<Live<Task[]>> => (await fetch('/tasks', { signal })).json(),
    url: '/events',
    events,
    apply: (tasks, { type, data }) => (type === 'task' ? withTask(tasks, data) : tasks),
  })
  if (error) return <p>{error.message}</p>
  return (
    <ul>
      {live?.data.map(({ id, title, isDone }) => (
        <li key={id}>{isDone ? <s>{title}</s> : title}</li>
      ))}
    </ul>
  )
}

/** The tasks with one of them new or changed. */
function withTask(tasks: Task[], task: Task): Task[] {
  return [...tasks.filter(({ id }) => id !== task.id), task].sort((one, other) => one.id - other.id)
}

const root = document.querySelector('main')
if (root) {
  createRoot(root).render(
    <StrictMode>
      <QueryClientProvider client={new QueryClient()}>
        <Tasks />
      </QueryClientProvider>
    </StrictMode>,
  )
}
