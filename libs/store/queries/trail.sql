select id, kind, actor, till_id, approved_by, submitted_at, decided_at, outcome from inbox.messages
where merchant_id = $1 and not of_event
  and ($2::text is null or actor = $2)
  and ($3::text is null or kind = $3)
  and ($4::uuid is null or till_id = $4)
  and ($5::timestamptz is null or decided_at >= $5)
  and ($6::timestamptz is null or decided_at < $6)
  and ($7::timestamptz is null or (decided_at, id) < ($7, $8))
order by decided_at desc, id desc
limit $9
