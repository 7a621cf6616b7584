import { expect, expectTypeOf, test } from 'vitest'
import * as wire from '../../../../dashboard/src/data/wire.ts'
import type { ObservedEvent } from '../../../src/hub/observed-event.ts'
import type { ObservedPage } from '../../../src/hub/observed-history.ts'
import { figureNames } from '../../../src/observe/figures.ts'
import type { Observed } from '../../../src/observe/observatory.ts'
import type { SubscriberList } from '../../../src/observe/subscriber-book.ts'

test('the page reads what the hub answers', () => {
  expect([...wire.figureNames]).toEqual(figureNames)
  expectTypeOf<Observed>().toExtend<wire.Observed>()
  expectTypeOf<ObservedPage>().toExtend<wire.HistoryPage>()
  expectTypeOf<ObservedEvent>().toExtend<wire.HubEvent>()
  expectTypeOf<SubscriberList>().toExtend<wire.SubscriberList>()
})
