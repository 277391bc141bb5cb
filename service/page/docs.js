// The API, from the server's own description of it.

const described = await (await fetch("/openapi.json")).json();

function element(kind, text, className = "") {
  const made = document.createElement(kind);
  made.textContent = text;
  made.className = className;
  return made;
}

function rows(operation) {
  const form = operation.requestBody?.content?.["multipart/form-data"]?.schema?.properties ?? {};
  return [
    ...(operation.parameters ?? []).map((one) => [one.name, `${one.in}: ${one.description ?? ""}`]),
    ...Object.entries(form).map(([name, one]) => [name, `form: ${one.description ?? ""}`]),
    ["answers", Object.keys(operation.responses).join(", ")],
  ];
}

for (const [path, verbs] of Object.entries(described.paths)) {
  for (const [verb, operation] of Object.entries(verbs)) {
    const section = element("section", "", "card");
    const head = element("h2", "");
    const code = element("code", "");
    code.append(element("span", verb.toUpperCase(), "verb"), path);
    head.append(code);
    const table = element("table", "");
    for (const [name, text] of rows(operation)) {
      const row = table.insertRow();
      row.insertCell().append(element("code", name));
      row.insertCell().textContent = text;
    }
    section.append(head, element("p", operation.description ?? ""), table);
    document.getElementById("operations").append(section);
  }
}
