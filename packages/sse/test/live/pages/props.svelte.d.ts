/** Props that can be changed from outside. */
export function changing<P extends object>(given: P): P
