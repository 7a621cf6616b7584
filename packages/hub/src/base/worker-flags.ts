/**
 * The flags of this process that its worker threads are started with: the conditions by which the
 * exports of packages are resolved, so that a worker runs the same files. The others may be about
 * the main module (`--input-type`), which would be an error in a worker.
 */
export function workerFlags(processFlags: readonly string[] = process.execArgv): string[] {
  return processFlags.filter((flag, index) => namesConditions(flag) || takesNext(processFlags[index - 1]))
}

function namesConditions(flag: string): boolean {
  return takesNext(flag) || /^(?:--conditions|-C)=/.test(flag)
}

/** Whether the condition is not in this flag, but is the flag after it. */
function takesNext(flag: string | undefined): boolean {
  return flag === '--conditions' || flag === '-C'
}
