-- Other services write these tables with roles of their own, which have no rights on graph_removals, and
-- may have none on channels. What they delete has to be noted all the same: with the rights of the
-- function's owner, who finds our tables alone, and no temporary table of somebody else's.
do $$
begin
  execute format(
    'alter function contour_note_graph_removal() security definer set search_path = pg_catalog, %s, pg_temp',
    (select string_agg(quote_ident(name), ', ') from unnest(current_schemas(false)) as name));
end $$;

revoke execute on function contour_note_graph_removal() from public;
