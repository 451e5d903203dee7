import type { ViolationKind } from '../support/checker/violation.ts';
import { THREE_ON_A_LANE, TWO_ON_A_LANE } from './lane-scenes.ts';
import { THREE_RESOLVES, TWO_RESOLVES } from './resolve-scenes.ts';
import type { Scene } from './scene.ts';
import type { Sabotage } from './stage.ts';

/** A deliberate defect, and the scene and the violation that show it. */
export interface Break extends Sabotage {
  effect: string;
  scene: Scene;
  shows: ViolationKind;
  /** `npm test` tries it, too. */
  quick?: true;
}

const SCENES = [...TWO_RESOLVES, ...THREE_RESOLVES, ...TWO_ON_A_LANE, ...THREE_ON_A_LANE];

function scene(name: string): Scene {
  const found = SCENES.find((one) => one.name === name);
  if (found === undefined) throw new Error(`there is no scene: ${name}`);
  return found;
}

/** Each takes away one thing that concurrent batches or runs rely on. */
export const BREAKS: readonly Break[] = [
  {
    effect: 'an identity may be there twice',
    ddl: 'alter table client_channels drop constraint client_channels_pkey',
    scene: scene('two first messages of one chat'),
    shows: 'identity_twice',
  },
  {
    effect: 'a phone may be there twice',
    ddl: 'drop index clients_phone',
    scene: scene('a new phone from two channels'),
    shows: 'phone_twice',
  },
  {
    effect: 'the owner of a phone is not locked while its places are counted',
    find: 'order by tenant_id, id for no key update',
    replace: '',
    scene: scene('the last place of a phone from two new channels'),
    shows: 'crowded_client',
  },
  {
    effect: 'a client may have two open dialogs',
    ddl: 'drop index dialogs_open',
    scene: scene('two messages of a chat whose dialog was closed'),
    shows: 'two_open_dialogs',
  },
  {
    effect: 'a batch that loses the race for an identity leaves a client behind',
    find: 'from wanted join won using (tenant_id, channel_id, external_id) where is_new',
    replace: 'from wanted where is_new',
    scene: scene('two first messages of one chat'),
    shows: 'client_without_identity',
  },
  {
    effect: 'a number is counted up from what was read, and no index guards it',
    ddl: 'drop index messages_seq',
    find: 'set last_seq = d.last_seq + n.messages',
    replace: 'set last_seq = (select o.last_seq from dialogs o where o.id = n.id) + n.messages',
    scene: scene('two messages of one dialog, each beside one of a new chat'),
    shows: 'seq_gap',
  },
  {
    effect: 'the ledger has no key',
    quick: true,
    ddl: 'alter table messages drop constraint messages_pkey',
    scene: scene('one message twice, of a known chat'),
    shows: 'message_twice',
  },
  {
    effect: 'a lane is removed in any version',
    quick: true,
    find: 'and l.version = h.version',
    replace: '',
    scene: scene('a run, and a message that comes to its dialog'),
    shows: 'pending_without_lane',
  },
  {
    effect: 'a message that is added to a lane gives it no new version',
    find: "excluded.last_seq, version = nextval('lane_versions')",
    replace: 'excluded.last_seq',
    scene: scene('a run, and a message that comes to its dialog'),
    shows: 'pending_without_lane',
  },
  {
    effect: 'a lane that is postponed gets no new version',
    find: "interval '1 ms', version = nextval('lane_versions')",
    replace: "interval '1 ms'",
    scene: scene('two runs over a lane of one message, where the first attempt fails'),
    shows: 'pending_without_lane',
  },
  {
    effect: 'a message is marked although it has changed since it was taken',
    find: "and m.status not in ('delivered', 'dead') and m.attempts = a.earlier",
    replace: '',
    scene: scene('two runs over a lane of one message, where the first attempt fails'),
    shows: 'pending_without_lane',
  },
];
