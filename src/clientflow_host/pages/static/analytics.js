"use strict";
// Counts the page at PostHog. It stands on a page only after the visitor has agreed to it. The address is
// that of the kind of page, without what names somebody; what stands on the page is not looked at.
// https://posthog.com/docs/api/capture
{
  const { key, origin, page, visitor } = document.currentScript.dataset;
  const properties = {
    $current_url: location.origin + page,
    $host: location.host,
    $pathname: page,
    $process_person_profile: false,
    $geoip_disable: true,
  };
  fetch(`${origin}/i/v0/e/`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ api_key: key, event: "$pageview", distinct_id: visitor, properties }),
    credentials: "omit",
    referrerPolicy: "no-referrer",
    keepalive: true,
  }).catch(() => {});
}
