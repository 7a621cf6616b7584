// The page's script: each symbol's price, the average of its last five, and whether anything is above 100.
import { distinctUntilChanged, filter, groupBy, map, mergeMap, scan, share } from 'rxjs'
import { events } from './events.ts'
import { fromEvents } from './from-events.ts'

const quotes = fromEvents('/quotes', { events }).pipe(
  filter(({ type }) => type === 'quote'),
  map(({ data }) => data),
  // One connection for both below.
  share(),
)

quotes
  .pipe(
    groupBy(({ symbol }) => symbol),
    mergeMap((symbol) =>
      symbol.pipe(
        scan((prices: number[], { price }) => [...prices, price].slice(-5), []),
        map((prices) => ({
          symbol: symbol.key,
          price: prices.at(-1),
          average: prices.reduce((sum, price) => sum + price) / prices.length,
        })),
      ),
    ),
  )
  .subscribe(({ symbol, price, average }) => {
    const row = document.getElementById(symbol) ?? document.createElement('p')
    row.id = symbol
    row.textContent = `${symbol} ${price} (average ${average.toFixed(1)})`
    document.body.append(row)
  })

quotes
  .pipe(
    map(({ price }) => price > 100),
    distinctUntilChanged(),
  )
  .subscribe((isHigh) => {
    document.title = isHigh ? 'Above 100' : 'Calm'
  })
