export { erasePerson } from './erase-person.ts';
export {
  countPerson,
  dropGraphNotes,
  findPerson,
  hasMirror,
  type Person,
  tenantFingerprints,
} from './person.ts';
