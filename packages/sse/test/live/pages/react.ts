import { createElement, StrictMode } from 'react'
import { createRoot, type Root } from 'react-dom/client'
import { useEvents } from '../../../src/live/react.ts'
import { optionsOf, type Props, place, show, startPage } from './page.ts'

function Component({ name, props }: { name: string; props: Props }) {
  return show(name, useEvents(props.url, optionsOf(props)))
}

const roots = new Map<string, Root>()
const render = (name: string, props: Props) =>
  roots.get(name)?.render(createElement(StrictMode, null, createElement(Component, { name, props })))

startPage({
  mount(name, props) {
    roots.set(name, createRoot(place(name)))
    render(name, props)
  },
  update: render,
  unmount(name) {
    roots.get(name)?.unmount()
    document.getElementById(name)?.remove()
  },
})
