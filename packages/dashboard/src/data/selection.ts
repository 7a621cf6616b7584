/** What the page looks at: topics, and whether vital signs are left out. */
export interface Looking {
  /** A topic, a pattern with `*`, or `''` for all topics. */
  readonly topic: string
  readonly hasVitals: boolean
}

/** As the hub's routes and its subscribers' query want it. */
export function matchOf(topic: string): readonly [name: string, value: string] {
  if (topic === '' || topic === '*') return ['match', '*']
  return /[*{]/.test(topic) ? ['match_urlpattern', topic] : ['match', topic]
}

export function queryOf({ topic, hasVitals }: Looking): Record<string, string> {
  const [name, value] = matchOf(topic)
  return { [name]: value, ...(!hasVitals && topic !== 'vitals' && { except_type: 'vitals' }) }
}
