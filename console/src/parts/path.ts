export type Step = { text: string; end?: 'allow' | 'deny' | 'missing'; missing?: boolean }

type Explained = {
  decision: { allowed: boolean }
  matched: readonly { rule: { values: readonly string[] }; via: readonly { from: string; to: string }[]; origin: { text: string } }[]
}

const SHOWN = 5

/** Returns the ways from the subject to the rules that decide, each as its steps; for a deny without a rule, where it ends. */
export function stepsOf(subject: string, { decision, matched }: Explained): Step[][] {
  const bare = (name: string) => name.replace(/^user:/, '')
  if (matched.length === 0) return [[{ text: subject }, { text: '', end: 'missing', missing: true }]]
  const wanted = decision.allowed ? 'allow' : 'deny'
  const deciding = matched.filter(({ rule }) => (rule.values.at(-1) === 'deny' ? 'deny' : 'allow') === wanted)
  return (deciding.length > 0 ? deciding : matched).slice(0, SHOWN).map(({ via, origin }) => [
    { text: subject },
    ...via.map(({ to }) => ({ text: bare(to) })),
    { text: origin.text, end: wanted },
  ])
}
