export type ViolationKind =
  | 'not_drained'
  | 'lost'
  | 'phantom'
  | 'answer_disagrees'
  | 'answers_differ'
  | 'message_twice'
  | 'identity_twice'
  | 'phone_twice'
  | 'crowded_client'
  | 'two_open_dialogs'
  | 'seq_gap'
  | 'empty_dialog'
  | 'client_without_identity'
  | 'cross_tenant'
  | 'payload_disagrees'
  | 'pending_without_lane'
  | 'lane_without_pending'
  | 'payloads_differ'
  | 'not_at_core'
  | 'unknown_at_core'
  | 'out_of_order'
  | 'stray_request'
  | 'dead_without_entry'
  | 'entry_without_dead'
  | 'credential_leaked'
  | 'mirror_differs';

/** One broken rule, and where. */
export interface Violation {
  kind: ViolationKind;
  detail: string;
}
