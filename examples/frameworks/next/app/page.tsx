import { GuestBook } from './guest-book'

export default function Page() {
  return <GuestBook events="/api/events" notes="/api/notes" />
}
