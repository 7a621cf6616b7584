import '../clients.mjs'
