/** The longest time of a timer, in milliseconds: a longer one becomes 1 ms in every runtime. */
export const longestTimerMs = 2_147_483_647

/** Lets the process end although a timer is pending. Only Node's timers are objects. */
export function letProcessEnd(timer: ReturnType<typeof setTimeout>): void {
  ;(timer as { unref?: () => void }).unref?.()
}
