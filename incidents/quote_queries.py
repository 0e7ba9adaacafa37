"""The statements behind `incidents.market`: how an outage's quotes are counted, walked and cut down, over their one index.

All look at one instrument after the other (`i`), because its quotes come in order of time from the index (instrument, at, bid,
ask) alone, and carry the same parameters: instruments, starts and ends of the merged windows, carry_in, gap, supposing.
"""
# ruff: noqa: S608  our own text; values are parameters

# What may price an order (rules §1), as `Quote.objects.usable()` says it. The instrument is `i`, its abnormal ranges `ranges`.
USABLE = "bid > 0 AND bid <= ask AND NOT at <@ ranges"
INSTRUMENT = """incidents_instrument i, LATERAL (
    SELECT coalesce(range_agg(tstzrange(starts_at, ends_at, '[]')), '{}') + %(supposing)s::tstzmultirange AS ranges
      FROM incidents_abnormalrange WHERE instrument_id = i.id) AS marked"""
SPANS = "unnest(%(starts)s::timestamptz[], %(ends)s::timestamptz[]) AS span (starts_at, ends_at)"
INSIDE = "FROM incidents_quote WHERE instrument_id = i.id AND at BETWEEN span.starts_at AND span.ends_at"
# From quote to quote in strides of at most `gap`: where none lies within a stride, the next one ends a gap. Some steps a minute
# instead of a look at every quote.
GAPS = f"""
    WITH RECURSIVE walk (since, at) AS (
        SELECT span.starts_at, span.starts_at
         UNION ALL
        SELECT walk.at, coalesce(
                 (SELECT at {INSIDE} AND at > walk.at AND at <= walk.at + %(gap)s::interval AND {USABLE}
                   ORDER BY at DESC LIMIT 1),
                 (SELECT at {INSIDE} AND at > walk.at AND {USABLE} ORDER BY at LIMIT 1), span.ends_at)
          FROM walk WHERE walk.at < span.ends_at)
    SELECT since, at FROM walk WHERE at - since > %(gap)s::interval"""
# The quote in force when a window begins counts for its best prices, if it is at most `carry_in` old (rules §2).
CARRIED = f"""
    SELECT before.*
      FROM {SPANS}, LATERAL (
        SELECT at, bid, ask FROM incidents_quote
         WHERE instrument_id = i.id AND at < span.starts_at AND at >= span.starts_at - %(carry_in)s::interval AND {USABLE}
         ORDER BY at DESC, id DESC LIMIT 1) AS before
     WHERE NOT EXISTS (SELECT FROM incidents_quote WHERE instrument_id = i.id AND at = span.starts_at AND {USABLE})"""
BEST = f"SELECT at, bid, ask FROM {SPANS}, LATERAL (SELECT at, bid, ask {INSIDE} AND {{0}} AND {USABLE}) AS q UNION ALL {CARRIED}"
OVERVIEW = f"""
SELECT i.id, i.symbol, usable, first_at, last_at, crossed, not_positive, abnormal, gaps, longest_gap, highest.*, lowest.*
  FROM {INSTRUMENT}, LATERAL (
    SELECT sum(usable)::bigint AS usable, min(first_at) AS first_at, max(last_at) AS last_at, max(bid) AS bid, min(ask) AS ask,
           sum(crossed)::bigint AS crossed, sum(not_positive)::bigint AS not_positive, sum(abnormal)::bigint AS abnormal,
           sum(gaps)::bigint AS gaps, max(longest) AS longest_gap
      FROM {SPANS}, LATERAL (
        SELECT count(*) FILTER (WHERE usable) AS usable, min(at) FILTER (WHERE usable) AS first_at,
               max(at) FILTER (WHERE usable) AS last_at, max(bid) FILTER (WHERE usable) AS bid,
               min(ask) FILTER (WHERE usable) AS ask, count(*) FILTER (WHERE bid <= 0 OR ask <= 0) AS not_positive,
               count(*) FILTER (WHERE NOT usable AND bid > ask AND ask > 0) AS crossed,
               count(*) FILTER (WHERE NOT usable AND bid > 0 AND bid <= ask) AS abnormal
          FROM (SELECT at, bid, ask, {USABLE} AS usable {INSIDE} OFFSET 0) AS found
      ) AS seen, LATERAL (SELECT count(*) AS gaps, max(at - since) AS longest FROM ({GAPS}) AS gap) AS without
  ) AS facts
  LEFT JOIN LATERAL ({BEST.format("bid = facts.bid")} ORDER BY bid DESC, at LIMIT 1) AS highest ON true
  LEFT JOIN LATERAL ({BEST.format("ask = facts.ask")} ORDER BY ask, at LIMIT 1) AS lowest ON true
 WHERE i.id = ANY(%(instruments)s)
 ORDER BY i.symbol
"""
GAP_LIST = f"""
SELECT since, at FROM {INSTRUMENT}, {SPANS}, LATERAL ({GAPS}) AS gap WHERE i.id = ANY(%(instruments)s) ORDER BY since
"""
LEFT_OUT = f"""
SELECT at, bid, ask, CASE WHEN bid <= 0 OR ask <= 0 THEN 'not_positive' WHEN bid > ask THEN 'crossed' ELSE 'abnormal' END
  FROM {INSTRUMENT}, {SPANS}, LATERAL (SELECT at, bid, ask {INSIDE} AND NOT ({USABLE})) AS found
 WHERE i.id = ANY(%(instruments)s)
 ORDER BY at, bid, ask LIMIT %(limit)s OFFSET %(offset)s
"""
# Of each bucket of time the quotes with its lowest and highest bid and ask, and its last: no extreme ever disappears, and every
# point is a quote that was there. A quote travels as an array, because arrays can be compared and rows cannot.
SERIES = f"""
WITH found AS MATERIALIZED (
    SELECT bid, ask, extract(epoch FROM at) AS e
      FROM {INSTRUMENT}, incidents_quote
     WHERE i.id = ANY(%(instruments)s) AND instrument_id = i.id AND at BETWEEN %(first)s AND %(last)s AND {USABLE}
), bucket AS (
    SELECT min(ARRAY[bid, e, ask]) AS low_bid, max(ARRAY[bid, -e, ask]) AS high_bid, min(ARRAY[ask, e, bid]) AS low_ask,
           max(ARRAY[ask, -e, bid]) AS high_ask, max(ARRAY[e, bid, ask]) AS last
      FROM found
     GROUP BY CASE WHEN (SELECT count(*) FROM found) > 5 * %(buckets)s
                   THEN floor((e - extract(epoch FROM %(first)s::timestamptz)) / %(width)s) ELSE e END
)
SELECT DISTINCT (1000 * p.e)::float8 AS t, trim_scale(p.bid)::text, trim_scale(p.ask)::text, trim_scale((p.bid + p.ask) / 2)::text
  FROM bucket, LATERAL (VALUES (low_bid[2], low_bid[1], low_bid[3]), (-high_bid[2], high_bid[1], high_bid[3]),
                               (low_ask[2], low_ask[3], low_ask[1]), (-high_ask[2], high_ask[3], high_ask[1]),
                               (last[1], last[2], last[3])) AS p (e, bid, ask)
 ORDER BY t
"""
