import { render } from "preact";
import { Api } from "./api";
import { Live } from "./live";
import "./style/tokens.css";
import "./style/page.css";
import "./style/places.css";
import { choose, stored } from "./theme";
import { App } from "./ui/app";

choose(stored());
const api = new Api();
render(<App live={new Live(api)} />, document.querySelector("#app")!);
