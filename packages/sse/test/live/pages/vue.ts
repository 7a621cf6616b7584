import { type App, createApp, h, type ShallowRef, shallowRef } from 'vue'
import { useEvents } from '../../../src/live/vue.ts'
import { optionsOf, type Props, place, show, startPage } from './page.ts'

const mounted = new Map<string, { app: App; props: ShallowRef<Props> }>()

startPage({
  mount(name, given) {
    const props = shallowRef(given)
    const app = createApp({
      setup() {
        const { state, events, last, value, error, gap, reconnect } = useEvents(
          () => props.value.url,
          () => optionsOf(props.value),
        )
        return () =>
          h(
            'span',
            show(name, {
              ...{ state: state.value, events: events.value, last: last.value, value: value.value },
              ...{ error: error.value, gap: gap.value, reconnect },
            }),
          )
      },
    })
    mounted.set(name, { app, props })
    app.mount(place(name))
  },
  update(name, props) {
    mounted.get(name)!.props.value = props
  },
  unmount(name) {
    mounted.get(name)?.app.unmount()
    document.getElementById(name)?.remove()
  },
})
