"use strict";
SwaggerUIBundle({
  url: "/api/openapi.json",
  domNode: document.getElementById("swagger"),
  deepLinking: true,
  // The default asks a service elsewhere about our document.
  validatorUrl: null,
});
