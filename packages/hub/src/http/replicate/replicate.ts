import { parseEventId } from '@headwater/sse/internal'
import { readLastEventId } from '@headwater/sse/server'
import { HubError } from '../../base/errors.ts'
import type { HubCore } from '../../hub/hub-core.ts'
import {
  type AppendAnswer,
  type AppendRequest,
  type BoundsAnswer,
  maxRequestBytes,
  maxTagPositions,
  replicationPathsBelow,
  replicationVersion,
  type TagsRequest,
  toAppend,
  toMarkTuple,
  type VisitRequest,
} from '../../store/upstream/replication-protocol.ts'
import { isRecord } from '../../streams/stream-record.ts'
import type { Streams } from '../../streams/streams.ts'
import { isReport, noReports } from '../../subscriptions/reports.ts'
import type { Authorizer } from '../access/authorizer.ts'
import type { PublishPermission } from '../access/permission.ts'
import { readBody } from '../message/body.ts'
import { type HubRequest, type HubResponse, pathOf } from '../message/http-message.ts'
import { jsonResponse } from '../message/json-response.ts'
import { ruleFor, toProblem } from '../message/problem.ts'
import type { Part } from '../routes.ts'

/** What the routes for hubs at the edge need from this one. */
export interface ReplicationContext {
  readonly hub: HubCore
  readonly authorizer: Authorizer
  /** The streams of this hub, if it has any. */
  readonly streams?: Streams | undefined
  /** Called with failures that are not the other hub's fault. */
  readonly onError: (error: unknown) => void
}

/**
 * The routes for hubs that copy the history of this one. Such a hub needs the right to copy all of
 * it, and to publish what it passes on.
 */
export function replicationRoute(context: ReplicationContext): Part {
  const { all, stream, head, tags, events, nodes } = replicationPathsBelow(context.hub.path)
  const answers: ReadonlyMap<string, Replying> = new Map([
    [`GET ${stream}`, answerStream],
    [`GET ${head}`, answerHead],
    [`POST ${tags}`, answerTags],
    [`POST ${events}`, answerEvents],
    [`POST ${nodes}`, answerVisit],
  ] as const)
  return {
    isAt: (path) => path === all || path.startsWith(`${all}/`),
    async answer(request) {
      const reply = answers.get(`${request.method} ${pathOf(request)}`)
      if (!reply) {
        throw new HubError(
          'NOT_FOUND',
          `This hub speaks version ${replicationVersion} of the replication protocol, which has nothing for ${request.method} ${pathOf(request)}. Run the same version of Headwater in both hubs.`,
        )
      }
      const permission = await context.authorizer.authorizeReplica(request)
      return await reply(request, context, permission)
    },
  }
}

type Replying = (
  request: HubRequest,
  context: ReplicationContext,
  permission: { readonly expiresAt?: number | undefined },
) => Promise<HubResponse>

async function answerStream(
  request: HubRequest,
  { hub: { replication } }: ReplicationContext,
  { expiresAt }: { readonly expiresAt?: number | undefined },
): Promise<HubResponse> {
  const id = readLastEventId(request.header('last-event-id'), request.url)
  const from = parseEventId(id)
  if (!from) {
    throw new HubError(
      'INVALID_REQUEST',
      `Last-Event-ID is ${JSON.stringify(id)}: it must be the ID of a position. That of the beginning is ${replication.epoch}.0.`,
    )
  }
  assertEpoch(from.epoch, replication.epoch)
  const stream = await replication.open(from.position)
  return {
    status: 200,
    headers: { 'cache-control': 'private, no-cache, no-store, no-transform' },
    eventStream: {
      deliverTo: (session) => stream.deliverTo(session),
      abandon: () => stream.abandon(),
      contentCoding: undefined,
      lastEventId: id,
      expiresAt,
    },
  }
}

async function answerHead(_: HubRequest, { hub: { replication } }: ReplicationContext): Promise<HubResponse> {
  const { head, trimmed } = await replication.bounds()
  return jsonResponse({
    version: replicationVersion,
    epoch: replication.epoch,
    head: toMarkTuple(head),
    trimmed: toMarkTuple(trimmed),
  } satisfies BoundsAnswer)
}

async function answerTags(request: HubRequest, { hub: { replication } }: ReplicationContext): Promise<HubResponse> {
  const { epoch, positions } = await readJson<TagsRequest>(request)
  assertEpoch(epoch, replication.epoch)
  if (!Array.isArray(positions) || positions.length > maxTagPositions || !positions.every(Number.isSafeInteger)) {
    throw new HubError('INVALID_REQUEST', `positions must be an array of at most ${maxTagPositions} whole numbers.`)
  }
  return jsonResponse((await replication.tagsOf(positions)).map((tag) => tag ?? null))
}

/** Each group is stored or refused by itself: they come from different publishers. */
async function answerEvents(request: HubRequest, context: ReplicationContext): Promise<HubResponse> {
  const { hub, authorizer } = context
  const permission = await authorizer.authorizePublisher(request)
  const { epoch, groups } = await readJson<AppendRequest>(request)
  assertEpoch(epoch, hub.replication.epoch)
  if (!Array.isArray(groups)) throw new HubError('INVALID_REQUEST', 'groups must be an array.')
  return jsonResponse(
    await Promise.all((groups as AppendRequest['groups']).map((group) => store(group, permission, context))),
  )
}

async function store(
  group: AppendRequest['groups'][number],
  permission: PublishPermission,
  { hub, streams, onError }: ReplicationContext,
): Promise<AppendAnswer> {
  try {
    const appends = group.map(toAppend)
    // The right to copy the hub is enough to say who is subscribed to the copy.
    if (isReport(appends)) return { marks: (await hub.appendReport(appends)).map(toMarkTuple) }
    if (streams && appends.some(({ event }) => isRecord(event))) {
      const marks = await streams.appendForReplica(appends, (name) => permission.assertMayPublish([name]))
      return { marks: marks.map(toMarkTuple) }
    }
    for (const { event } of appends) permission.assertMayPublish(event.topics)
    return { marks: (await hub.appendForReplica(appends)).map(toMarkTuple) }
  } catch (error) {
    if (ruleFor(error).logged === 'failure') onError(error)
    const { status, code, detail } = toProblem(error instanceof HubError ? error : undefined)
    return { status, code, detail }
  }
}

async function answerVisit(request: HubRequest, { hub }: ReplicationContext): Promise<HubResponse> {
  const { epoch, name } = await readJson<VisitRequest>(request)
  assertEpoch(epoch, hub.replication.epoch)
  if (typeof name !== 'string' || !/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(name)) {
    throw new HubError('INVALID_REQUEST', `name is ${JSON.stringify(name)}: it must be a UUID.`)
  }
  if (!hub.subscriptions) throw noReports()
  const alive = await hub.subscriptions.visit(name)
  return jsonResponse(alive ? [...alive] : null)
}

function assertEpoch(asked: unknown, epoch: string): void {
  if (asked === epoch) return
  throw new HubError('OTHER_HISTORY', `This hub has the history ${epoch}, not ${JSON.stringify(asked)}.`)
}

async function readJson<T>(request: HubRequest): Promise<T> {
  const body = await readBody(request, maxRequestBytes)
  try {
    const value: unknown = JSON.parse(body.toString())
    if (typeof value === 'object' && value !== null) return value as T
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error
  }
  throw new HubError('INVALID_REQUEST', 'The body is not a JSON object.')
}
