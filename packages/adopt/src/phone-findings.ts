import { normalisePhone } from '@contour/contract';
import type { PoolClient } from '@contour/store/schema';
import type { AdoptOptions } from './apply.ts';
import type { Finding } from './structure-findings.ts';

const PAGE = 5_000;
const FIRST_ID = '00000000-0000-0000-0000-000000000000';

interface Row {
  id: string;
  tenant_id: string | null;
  phone: string;
}

/**
 * What normalising the phones would find. Reads clients page by page and gathers the normalised phones in
 * a temporary table of this connection.
 */
export async function phoneFindings(
  client: PoolClient,
  { region, show }: Pick<AdoptOptions, 'region' | 'show'>,
): Promise<Finding[]> {
  await client.query('create temp table contour_phones (tenant_id uuid, id uuid, phone text)');
  try {
    const { rows: counted } = await client.query<{ n: number }>(
      'select count(phone)::int as n from clients',
    );
    const total = counted[0]?.n ?? 0;
    const unusable: Finding = {
      code: 'unusable_phones',
      what: 'phones that are not a telephone number',
      verdict: 'apply',
      advice: 'kept only in phone_as_typed',
      count: 0,
      examples: [],
    };
    let seen = 0;
    for (let last = FIRST_ID; ; ) {
      const { rows } = await client.query<Row>(
        `select id, tenant_id, phone from clients where id > $1 and phone is not null
          order by id limit ${PAGE}`,
        [last],
      );
      const known: Row[] = [];
      for (const row of rows) {
        const phone = normalisePhone(row.phone, region);
        if (phone !== null) known.push({ ...row, phone });
        else if (++unusable.count <= 5) unusable.examples.push(`client ${row.id}: ${row.phone}`);
      }
      await client.query(
        'insert into contour_phones select * from unnest($1::uuid[], $2::uuid[], $3::text[])',
        [known.map((r) => r.tenant_id), known.map((r) => r.id), known.map((r) => r.phone)],
      );
      seen += rows.length;
      show('looking at the phones', seen, Math.max(total, seen));
      const end = rows.at(-1);
      if (end === undefined) break;
      last = end.id;
    }
    return [...(await repeatedPhones(client)), ...(unusable.count > 0 ? [unusable] : [])];
  } finally {
    await client.query('drop table contour_phones');
  }
}

async function repeatedPhones(client: PoolClient): Promise<Finding[]> {
  const { rows } = await client.query<{ count: number; examples: string[] }>(
    `with bad as materialized (
       select phone || ': clients ' || array_to_string((array_agg(id))[1:5], ', ') as example
         from contour_phones group by tenant_id, phone having count(*) > 1)
     select (select count(*)::int from bad) as count,
            array(select example from bad limit 5) as examples`,
  );
  const finding = {
    code: 'repeated_phones',
    what: 'phones shared by several clients of one tenant',
    verdict: 'apply',
    advice: 'the oldest client keeps it; the others keep the typed phone in phone_as_typed',
  } as const;
  return rows.filter(({ count }) => count > 0).map((found) => ({ ...finding, ...found }));
}
