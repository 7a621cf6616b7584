// The outcome of a check: { check, detail } if it passed, { check, failed } if not, and { check, unfinished } for what a dry run
// cannot know or has not to know, but has to be there before anything is published.

export const isFailed = ({ failed }) => failed !== undefined
export const isUnfinished = ({ unfinished }) => unfinished !== undefined

/** Runs a check: what it returns is the detail, what it throws is why it failed. */
export async function outcomeOf(check, body) {
  try {
    return { check, detail: (await body()) ?? '' }
  } catch (error) {
    return { check, failed: error.message }
  }
}
