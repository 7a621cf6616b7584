/** Props that can be changed from outside. */
export function changing(given) {
  const props = $state(given)
  return props
}
