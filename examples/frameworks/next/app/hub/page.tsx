import { GuestBook } from '../guest-book'

/** The same page, by the hub: its history is on disk, and survives a restart. */
export default function Page() {
  return <GuestBook events="/api/hub?match=notes" notes="/api/hub-notes" />
}
