import { mount, unmount } from 'svelte'
import Component from './Component.svelte'
import { type Props, place, startPage } from './page.ts'
import { changing } from './props.svelte.js'

const mounted = new Map<string, { component: object; props: { props: Props } }>()

startPage({
  mount(name, given) {
    const props = changing({ name, props: given })
    mounted.set(name, { component: mount(Component, { target: place(name), props }), props })
  },
  update(name, props) {
    mounted.get(name)!.props.props = props
  },
  unmount(name) {
    void unmount(mounted.get(name)!.component)
    document.getElementById(name)?.remove()
  },
})
