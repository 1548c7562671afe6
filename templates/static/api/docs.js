"use strict";

SwaggerUIBundle({
  url: document.getElementById("doors").dataset.schema,
  dom_id: "#doors",
  deepLinking: true,
  tryItOutEnabled: true,
});
