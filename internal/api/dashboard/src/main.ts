document.querySelector("#app")!.textContent = "forescale";
